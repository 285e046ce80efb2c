"""`python -m peers.dbos.worker`: one worker process, until it is told to stop."""
# DBOS is only in the peers' environment, so mypy knows nothing of it here.
# mypy: ignore-errors

import signal

from dbos import DBOS

from .queue import launch

if __name__ == "__main__":
    stopping = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, stopping)
    launch()
    signal.sigwait(stopping)
    DBOS.destroy(workflow_completion_timeout_sec=5)
