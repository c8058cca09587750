"""`python -m taskzip.benchmarks.zip_cases CASES.toml`: zips over seeds and methods, and bars."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markdown import Markdown

from taskzip.benchmarks.errors_told import errors_told
from taskzip.benchmarks.zip_cases.markdown import bar_table, case_table
from taskzip.benchmarks.zip_cases.results import Results
from taskzip.benchmarks.zip_cases.run import run_case, way_of
from taskzip.benchmarks.zip_cases.summary import findings_of, lines_of
from taskzip.contracts.document import write_atomically
from taskzip.contracts.errors import BadInput
from taskzip.contracts.progress import Silent
from taskzip.contracts.zipcases import Case, Cases

app = typer.Typer(add_completion=False)


@app.command()
def main(
    file: Annotated[Path, typer.Argument(help="TOML file of the cases.")],
    names: Annotated[list[str] | None, typer.Argument(help="Cases; default: all.")] = None,
    out: Annotated[Path, typer.Option(help="Folder for cases.jsonl and cases.md.")] = Path(
        "out/cases"
    ),
    every_method: Annotated[
        bool, typer.Option("--every-method", help="Also all baselines, with refit and without.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="End with 1 when a bar is missed or not measured.")
    ] = False,
) -> None:
    """Zip each case with each of its seeds; what is in OUT already is not done again."""
    console = Console(stderr=True)
    with errors_told():
        cases = _chosen(Cases.load(file), names)
        results = Results(out / "cases.jsonl")
        for case in cases:
            run_case(case, file.parent, results, _Told(console), every_method=every_method)
        holds = _report(cases, file.parent, results, out / "cases.md")
    if check and not holds:
        raise typer.Exit(1)


class _Told(Silent):
    """Says each step in a line; the bars of single zips are left out."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def step(self, text: str) -> None:
        """Print it."""
        self._console.print(text, markup=False, highlight=False)


def _chosen(cases: Cases, names: list[str] | None) -> list[Case]:
    known = {case.name: case for case in cases.cases}
    for name in names or ():
        if name not in known:
            raise BadInput(f"no case {name!r}; the file has {', '.join(known)}")
    return [known[name] for name in names or known]


def _report(cases: list[Case], folder: Path, results: Results, path: Path) -> bool:
    findings = [
        finding
        for case in cases
        for finding in findings_of(case, way_of(case, folder), results.zips)
    ]
    tables = [case_table(case.name, lines_of(case, results.zips)) for case in cases]
    text = "\n".join([bar_table(findings), *tables])
    write_atomically(path, text.encode())
    Console().print(Markdown(text))
    return bool(findings) and all(each.holds for each in findings)


if __name__ == "__main__":
    app()
