"""Where the jobs of a sweep train: in this process (fused), on Ray, on Slurm.

The process that launches a sweep on other machines keeps `RemoteStacks`; a worker there calls
`train_stack`. Between them go texts, see `serialization`; `recovery` is for workers that die.
"""
