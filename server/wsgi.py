"""For gunicorn (`-k gevent -w 1`, one process a core): `server.wsgi:application`."""

from gevent import monkey

monkey.patch_all()

from server.app import ExamServer, build_platform  # noqa: E402 - after the patch
from server.settings import load_settings  # noqa: E402
from server.webkit.steady_memory import settle_memory  # noqa: E402

exam_server = ExamServer(build_platform(load_settings(), serving=True))
exam_server.start()
settle_memory()
application = exam_server.flask
