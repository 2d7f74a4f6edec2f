import time,pathlib
from podvow.timeline import load
from podvow.redact import Vault
from podvow.timeline.record import Kind
rec=[r.data for p in sorted(pathlib.Path("reports/runs").glob("*/evidence/*.jsonl"))[:60] for r in load(p).records]
v=Vault(); v.learn(["some-secret-value","another-secret-one"])
t=time.process_time()
same=sum(v.blanked(d) is d for d in rec)
dt=time.process_time()-t
print(len(rec),same,dt, dt/len(rec)*1e6,"us")
