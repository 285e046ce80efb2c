"""`keyledger producer`, `worker`, `deliverer`, `flower`: one process each, set up by `KEYLEDGER_*` alone."""

from .configured import process_settings


def worker() -> None:
    """Run one worker process in the foreground.

    Example: KEYLEDGER_REDIS_URL=redis://… KEYLEDGER_DATABASE_URL=postgresql://… keyledger worker
    """
    from keyledger.worker.process import run

    run(process_settings())


def deliverer() -> None:
    """Run one deliverer in the foreground: what follows a commit, for workers that leave it to others.

    Example: KEYLEDGER_WEBHOOK_SECRET_KEY=… keyledger deliverer
    """
    from keyledger.worker.deliverer_process import run

    run(process_settings())


def flower() -> None:
    """Run Flower in the foreground, for operators: http://127.0.0.1:5555, with a password.

    Example: KEYLEDGER_FLOWER_PASSWORD=… keyledger flower
    """
    from .flower import run

    run(process_settings())


def producer() -> None:
    """Run one producer process, the HTTP API, in the foreground.

    Example: KEYLEDGER_PORT=8080 keyledger producer
    """
    from keyledger.producer.process import run

    run(process_settings())
