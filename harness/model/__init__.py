"""What is trained.

network.py      the layout of the parameters in θ, and where they start
mlp.py          the multi-layer perceptron as a component: its fields
activations.py  activations on the host: for starts that look at data, and as a reference
objective.py    the combined loss ℒ
"""
