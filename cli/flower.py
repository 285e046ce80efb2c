"""`keyledger flower`: Flower on our broker, with a password that stands in no process list.

What Flower shows and does not show: docs/operate.md, "Flower".
"""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Any, Final

from celery import Celery

from keyledger.contract.settings import MissingSetting, Settings
from keyledger.contract.wakeups import celery_settings

from .configured import CommandError
from .embedded import DataFolder

TASKS_MAX: Final = 20_000
STATE_SAVED_EACH_MS: Final = 60_000
OFFLINE_FOR_S: Final = 3_600
COLUMNS: Final = "name,uuid,state,args,result,exception,received,started,runtime,worker"


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT. Raises MissingSetting or CommandError."""
    # Imported here: it takes a second, and defines its options at import.
    from flower.app import Flower
    from flower.options import options
    from flower.urls import settings as tornado_settings

    password = settings.flower_password.get_secret_value()
    if not password:
        raise MissingSetting("Set KEYLEDGER_FLOWER_PASSWORD: Flower shows users and cancels commands")
    options.address, options.port = settings.flower_host, settings.flower_port
    options.basic_auth = [f"{settings.flower_user}:{password}"]
    options.max_tasks, options.purge_offline_workers = TASKS_MAX, OFFLINE_FOR_S
    options.tasks_columns = COLUMNS
    if settings.flower_state is not None:
        Path(settings.flower_state).parent.mkdir(parents=True, exist_ok=True)
        options.persistent, options.db = True, settings.flower_state
        options.state_save_interval = STATE_SAVED_EACH_MS
    celery = Celery("keyledger-flower")
    celery.conf.update(celery_settings(settings.broker_url or settings.redis_url))
    flower = Flower(capp=celery, options=options, **tornado_settings)
    try:
        flower.start_http_server()
    except OSError as error:
        raise CommandError(
            f"Flower cannot listen on {settings.flower_host}:{settings.flower_port} ({error.strerror}): "
            "set KEYLEDGER_FLOWER_PORT"
        ) from error
    _stop_on_signals(flower)
    flower.start()


def flower_password(folder: DataFolder) -> str:
    """What the environment says, or one that is made and kept in the folder."""
    return os.environ.get("KEYLEDGER_FLOWER_PASSWORD") or folder.secret("flower_password")


def flower_settings(folder: DataFolder, host: str, port: int) -> dict[str, str]:
    """What the Flower of `keyledger up` is told by its environment."""
    return {
        "KEYLEDGER_FLOWER_HOST": host,
        "KEYLEDGER_FLOWER_PORT": str(port),
        "KEYLEDGER_FLOWER_PASSWORD": flower_password(folder),
        "KEYLEDGER_FLOWER_STATE": str(folder.folder("flower") / "state"),
    }


def _stop_on_signals(flower: Any) -> None:
    def stop(_: int, __: FrameType | None) -> None:
        flower.io_loop.add_callback_from_signal(flower.stop)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
