"""F9, F17: wake-ups that are lost or doubled, and a network that is cut, slow, or loses packets."""

from typing import Final

from celery import Celery

from keyledger.contract.wakeups import celery_settings, wakeup

from ..fault import Fault, noted, said, within_lease
from ..proxy import Proxy, lossy
from ..trial import Trial

CUT_OFF: Final = "worker-1"
DOUBLED: Final = 300
LASTS_S: Final = 5.0
STALLS_S: Final = 4.0
DELAY_S: Final = 0.05
LOST_SHARE: Final = 0.05
SENT_AGAIN_S: Final = 0.2


def wakeups_lost(trial: Trial) -> None:
    """No message reaches or leaves the broker."""
    trial.wait_until_loaded(0.2)
    trial.struck()
    brokers = [wires.broker for wires in trial.system.wires.values()]
    for broker in brokers:
        broker.close()
    trial.pause(LASTS_S)
    for broker in brokers:
        broker.open()
    trial.recovers_from_here()


def _wakeups_doubled(trial: Trial) -> None:
    """Far more than anybody asked for, at once and then now and then."""
    trial.wait_until_loaded(0.2)
    celery = Celery("keyledger-torture")
    celery.conf.update(celery_settings(trial.system.servers.redis_url))
    trial.struck()
    for number in range(DOUBLED):
        celery.send_task(**wakeup(0))
        if number > DOUBLED // 2:
            trial.pause(0.01)
    celery.close()
    trial.facts["wake-ups were doubled"] = DOUBLED
    trial.recovers_from_here()


def cut_off(trial: Trial) -> None:
    """One worker reaches neither server, for two leases."""
    trial.wait_until_loaded(0.2)
    trial.struck()
    trial.recovers_from_here()
    wires = trial.system.wires[CUT_OFF].all
    for wire in wires:
        wire.close()
    trial.pause(2 * trial.shape.lease_s)
    for wire in wires:
        wire.open()


def stalled(trial: Trial) -> None:
    """What one worker says is neither passed on nor refused, for two leases, and then comes after all."""
    trial.wait_until_loaded(0.2)
    trial.struck()
    trial.recovers_from_here()
    wires = trial.system.wires[CUT_OFF].all
    for wire in wires:
        wire.is_stalled = True
    # Longer than a client of Redis waits, its one retry included.
    trial.pause(max(2 * trial.shape.lease_s, STALLS_S))
    for wire in wires:
        wire.open()


def _slow(trial: Trial) -> None:
    """Everything that one worker says and hears takes longer."""
    _hold_up([*trial.system.wires[CUT_OFF].all], trial, is_lossy=False)


def lossy_for_a_while(trial: Trial) -> None:
    """Packets of all are lost, and sent again after a while."""
    _hold_up([wire for wires in trial.system.wires.values() for wire in wires.all], trial, is_lossy=True)


def _hold_up(wires: list[Proxy], trial: Trial, *, is_lossy: bool) -> None:
    trial.wait_until_loaded(0.2)
    trial.struck()
    for wire in wires:
        wire.delay_s = lossy(LOST_SHARE, SENT_AGAIN_S, trial.rng) if is_lossy else lambda: DELAY_S
    trial.pause(LASTS_S)
    for wire in wires:
        wire.open()
    trial.facts["packets were held up"] = True
    trial.recovers_from_here()


CONNECTION_FAILED: Final = said("ended early", "not reachable", "sweep failed", "the relay failed")

WIRING: Final = (
    Fault("F9-wakeups-lost", "every wake-up is lost", wakeups_lost, (said("the sweep drains by itself"),),
          # Drains hand over often, which takes a wake-up.
          settings=lambda _, shape: shape.of_workers(drain_max_s=0.5),
          recovers_within_s=within_lease),
    Fault("F9-wakeups-doubled", "wake-ups come many times", _wakeups_doubled,
          (noted("wake-ups were doubled"),), recovers_within_s=within_lease),
    Fault("F17-cut", "a worker is cut off from both servers", cut_off, (CONNECTION_FAILED,),
          recovers_within_s=within_lease),
    Fault("F17-stalled", "a worker's network stands still, then all comes after all", stalled,
          (CONNECTION_FAILED,), recovers_within_s=lambda shape: shape.lease_s * 1.5 + 2),
    Fault("F17-slow", "a worker's network is slow", _slow, (noted("packets were held up"),)),
    Fault("F17-lossy", "the network loses packets", lossy_for_a_while, (noted("packets were held up"),)),
)  # fmt: skip
