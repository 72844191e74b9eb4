"""The Celery application and its thin jobs: ids in, one use case, done."""
