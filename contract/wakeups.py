"""How producers and workers wake drains through Celery: names and settings that both must share.

A wake-up says only "there is work on this shard": it has no payload, and losing or doubling one harms
nothing, because the lanes hold the commands and the sweep finds them.
"""

from typing import Any, Final

DRAIN_TASK: Final = "keyledger.drain"
DRAIN_QUEUE: Final = "keyledger.drains"
WAKEUP_EXPIRES_S: Final = 10
"""A wake-up older than this says nothing that the sweep has not found out."""


def celery_settings(broker_url: str) -> dict[str, Any]:
    """Celery's configuration. kombu sets no socket time-out by itself, by default gives the messages of a
    killed worker back after an hour, and notices after 51 s that nobody answers its waiting for messages."""
    return {
        "broker_url": broker_url,
        "broker_connection_retry_on_startup": True,
        "broker_connection_timeout": 2,
        "broker_transport_options": {
            "socket_timeout": 5,
            "socket_connect_timeout": 2,
            "socket_keepalive": True,
            "health_check_interval": 5,
            "visibility_timeout": 30,
            "unacked_restore_interval": 1,
            "unacked_restore_throttle": 1,
            "max_retries": 1,
        },
        "task_default_queue": DRAIN_QUEUE,
        "task_ignore_result": True,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": 1,
        "worker_hijack_root_logger": False,
        "worker_redirect_stdouts": False,
    }


def wakeup(shard: int) -> dict[str, Any]:
    """The arguments of `Celery.send_task` that wake a drain of this shard."""
    return {
        "name": DRAIN_TASK,
        "args": [shard],
        "queue": DRAIN_QUEUE,
        "expires": WAKEUP_EXPIRES_S,
        "ignore_result": True,
        "retry": False,
    }
