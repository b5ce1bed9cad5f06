"""Runs the benchmarks: `python -m benchmarks [NAME ...] [--repeats N] [--markdown FILE]`."""

import argparse
from pathlib import Path

from rich.console import Console

from benchmarks import (
    accelerator,
    compare,
    composed,
    dendritic,
    effective,
    family,
    fuzz,
    gradients,
    growth,
    kills,
    kills_sweep,
    memory,
    precision,
    profile,
    recall,
    refill,
    rest,
    shard,
    steps,
    sweep,
    vector_field,
)
from benchmarks._report import machine, markdown, rich_table

BENCHMARKS = {
    "vector_field": vector_field.run,
    "recall": recall.run,
    "profile": profile.run,
    "refill": refill.run,
    "rest": rest.run,
    "precision": precision.run,
    "steps": steps.run,
    "effective": effective.run,
    "memory": memory.run,
    "growth": growth.run,
    "gradients": gradients.run,
    "family": family.run,
    "dendritic": dendritic.run,
    "compare": compare.run,
    "composed": composed.run,
    "fuzz": fuzz.run,
    "kills": kills.run,
    "shard": shard.run,
    "kills_sweep": kills_sweep.run,
    "sweep": sweep.run,
}


def main() -> None:
    """Prints one table for each benchmark, then the table of docs/results/benchmarks.md."""
    options = _options()
    # If the output is a file, rich cannot know its width; 120 columns are enough for every table.
    console = Console() if Console().is_terminal else Console(width=120)
    console.print(machine())
    reports = []
    if options.names == ["accelerator"]:
        report = accelerator.run(options.repeats, small=options.small)
        console.print(rich_table(report))
        print(accelerator.write(report, small=options.small))
        return
    for name in options.names or BENCHMARKS:
        reports.append(BENCHMARKS[name](options.repeats))
        console.print(rich_table(reports[-1]))
    text = markdown(reports)
    print(text)
    if options.markdown:
        options.markdown.write_text(text)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    known = ", ".join(BENCHMARKS)
    text = f"any of {known}, which are the default; or accelerator alone, for one table a device"
    parser.add_argument("names", nargs="*", metavar="NAME", help=text)
    parser.add_argument("--repeats", type=int, default=30, help="rounds of each timing, or kills")
    parser.add_argument("--small", action="store_true", help="small sizes; accelerator only")
    parser.add_argument("--markdown", type=Path, help="file for the Markdown table")
    options = parser.parse_args()
    alone = options.names == ["accelerator"]
    if "accelerator" in options.names and not alone:
        parser.error("NAME must be accelerator alone, since its table is that of a device.")
    if options.small and not alone:
        parser.error("--small must be given with accelerator, the only one that has small sizes.")
    if options.markdown and alone:
        parser.error("--markdown must not be given with accelerator, which writes its own file.")
    if unknown := set(options.names) - {*BENCHMARKS, "accelerator"}:
        parser.error(f"NAME must be any of {known}, but has {', '.join(sorted(unknown))}.")
    if options.repeats < 1:
        parser.error(f"--repeats must be at least 1, but has {options.repeats}.")
    return options


if __name__ == "__main__":
    main()
