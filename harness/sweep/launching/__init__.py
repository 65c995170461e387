"""Where the jobs of a sweep train: in this process, on Ray, on Slurm."""
