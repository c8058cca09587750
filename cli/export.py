"""`deploy export`: make the files of a zipped config."""

from taskzip.cli import options
from taskzip.cli.outcome import show_bundle
from taskzip.cli.terminal import out as stdout
from taskzip.cli.terminal import terminal_progress
from taskzip.contracts.config import load_config


def export_networks(
    config_file: options.ConfigFile,
    out: options.OutFolder = None,
    keep_going: options.KeepGoing = False,
    as_json: options.AsJson = False,
) -> None:
    """Export the joint network of `deploy zip`, and each separate one, into a bundle."""
    from taskzip.pipeline.build import export_stage

    config = options.with_export(load_config(config_file), keep_going)
    folder, out = config_file.resolve().parent, options.out_folder(out, config_file)
    with terminal_progress() as progress:
        bundle = export_stage(config, folder, out, progress)
    if as_json:
        stdout.print_json(bundle.model_dump_json())
    else:
        show_bundle(bundle, out)
