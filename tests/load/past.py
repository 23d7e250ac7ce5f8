"""The traffic of 20 services, a sample a minute, from 30 days ago to an hour from now: as VictoriaMetrics imports it.

Each counts requests by code, and how long they took by bucket. Every day has a bad hour, or there would be no alerts.
"""

import json
import sys
import time
from itertools import accumulate
from random import Random

SERVICES = 20
BOUNDS = {"0.05": 0.6, "0.1": 0.9, "0.2": 0.98, "0.5": 0.999, "+Inf": 1.0}
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000

now = int(time.time()) * 1_000
minutes = range(now - 30 * DAY, now + HOUR, MINUTE)


def counter(name, labels, gains):
    metric = {"__name__": name, "instance": "one", **labels}
    print(json.dumps({"metric": metric, "values": list(accumulate(gains)), "timestamps": list(minutes)}))


for service in range(SERVICES):
    random, job = Random(service), f"service{service}"
    asked = [random.randint(500, 1_000) for _ in minutes]
    is_bad_hour = [(at // HOUR + service) % 24 == 0 for at in minutes]
    failed = [random.randint(0, 30 if bad else 1) for bad in is_bad_hour]
    counter("http_requests_total", {"job": job, "code": "500"}, failed)
    counter("http_requests_total", {"job": job, "code": "200"}, (a - f for a, f in zip(asked, failed)))
    for le, share in BOUNDS.items():
        gains = (int(a * (share ** (5 if bad else 1))) for a, bad in zip(asked, is_bad_hour))
        counter("http_request_duration_seconds_bucket", {"job": job, "le": le}, gains)

sys.stdout.flush()
