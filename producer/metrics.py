"""What a producer counts. Each figure's text says what it means; docs/metrics.md lists them."""

from keyledger.contract.metrics import SIZES, Counter, Figures, Histogram


class ProducerMetrics(Figures):
    """All figures of a producer process."""

    def __init__(self) -> None:
        self.accepted = Counter("keyledger_commands_accepted", "Commands put into a lane.", "command")
        self.refused = Counter(
            "keyledger_commands_refused",
            "Commands refused by the lanes: limited, lane-full, full; other: the key had another content.",
            "reason",
        )
        self.replayed = Counter(
            "keyledger_commands_replayed",
            "Repeated commands: answered from the record, or known to wait already.",
        )
        self.unknown = Counter(
            "keyledger_accepts_unknown", "Accepts to which Redis gave no answer; they are repeated."
        )
        self.accept_duration = Histogram(
            "keyledger_accept_duration_seconds", "One round trip to the lanes, for all its commands together."
        )
        self.accept_commands = Histogram("keyledger_accept_commands", "Commands of one round trip.", SIZES)
        self.answer_duration = Histogram(
            "keyledger_answer_duration_seconds", "From a command's request to its final answer."
        )
        self.answers = Counter("keyledger_command_answers", "Answers to commands by HTTP status.", "code")

    def note_flush(self, commands: int, took_s: float) -> None:
        """A round trip to the lanes was answered."""
        self.accept_commands.observe(commands)
        self.accept_duration.observe(took_s)
