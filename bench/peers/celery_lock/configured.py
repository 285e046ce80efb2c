"""The peer's settings, from `PEER_*`, and its Celery application, tuned for speed.

Left at the usual: the JSON serializer, one queue, one message a command. A message is acknowledged after
its task (`acks_late`), so that a killed worker loses no command, as on the other side.
"""

import os

from celery import Celery

REDIS_URL = os.environ["PEER_REDIS_URL"]
DATABASE_URL = os.environ["PEER_DATABASE_URL"]
API_KEY = os.environ["PEER_API_KEY"]
IS_PUBLISHING_IN_LOOP = os.environ.get("PEER_PUBLISH", "loop") == "loop"

celery = Celery("peer", include=["celery_lock.tasks"])
celery.conf.update(
    broker_url=REDIS_URL,
    broker_connection_retry_on_startup=True,
    broker_pool_limit=40,
    task_ignore_result=True,
    task_acks_late=True,
    task_serializer="json",
    accept_content=["json"],
    worker_prefetch_multiplier=4,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
)
