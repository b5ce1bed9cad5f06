"""`start_processes`: joins the processes of a program that runs on several machines."""

import jax

from nam_jax._misc import argument_error


def start_processes(
    coordinator: str | None = None,
    number: int | None = None,
    index: int | None = None,
) -> int:
    """Joins all processes of a program, and returns the index of this one.

    Call it in each process before the first computation of JAX. Then `jax.devices()` lists the
    devices of all processes, and [`nam_jax.solve.shard`][] can spread a network over them. All
    processes must run the same program with the same numbers; only process 0 should write results.

    Without arguments JAX reads them from the variables that a launcher sets: Slurm (`srun`), Open
    MPI before version 5 (`mpirun`), Cloud TPU pods, or Kubernetes. Let it start one process a GPU,
    or one a machine on TPUs.

    Example: `start_processes("host0:1234", 2, 0)` on one machine, and with 1 in place of 0 on the
    other.

    Args:
        coordinator: Address and port of process 0, such as "host0:1234", reachable from all
            machines.
        number: Number of processes.
        index: Index of this process: 0, 1, ...

    Raises:
        ValueError: If an argument is missing and no launcher sets it, or is out of range.
        RuntimeError: From JAX, if it has computed something already, or if process 0 cannot be
            reached.
    """
    if coordinator is not None and ":" not in coordinator:
        requirement = 'be the address and port of process 0, such as "host0:1234"'
        raise argument_error("coordinator", requirement, repr(coordinator))
    if number is not None and index is not None and not 0 <= index < number:
        requirement = f"be from 0 to {number - 1}, below the number of processes"
        raise argument_error("index", requirement, index)
    try:
        jax.distributed.initialize(coordinator, number, index)
    except ValueError as error:
        # JAX looks for what is missing in this order, and names the first that it lacks.
        texts = {"coordinator": "address", "number": "Number", "index": "process id"}
        name = next((name for name, text in texts.items() if text in str(error)), None)
        if name is None:
            raise
        requirement = "be given, as no launcher (Slurm, Open MPI, TPU pod, Kubernetes) has set it"
        raise argument_error(name, requirement, None) from None
    return jax.process_index()
