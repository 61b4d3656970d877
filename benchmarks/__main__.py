"""`python -m benchmarks NAME [options]`; without a name: list the benchmarks and run the quick ones."""

import sys
from importlib import import_module

# name -> (what it measures, about how long, whether plain `python -m benchmarks` runs it)
BENCHMARKS = {
    "speed": ("W1: seconds per training epoch beside PyTorch, Pyro and pythae", "10 min", False),
    "evidence_speed": ("W4: importance-weighted log p(x), beside PyTorch", "3 min", False),
    "startup": ("import, --help, start to first step, second fit", "1 min", True),
    "checkouts": ("W1, W4, W3 and start-up of this checkout beside another one", "15 min", False),
    "exact": ("fits and bounds against closed forms", "1 min", True),
    "annealing": ("annealed log p(x): speed against its products, agreement with IWAE", "1 to 25 min", False),
    "faults": ("kills, signals and resumes", "10 min", False),
    "inference_gap": ("the gap beside Cremer et al.'s, and the speed of refining", "30 min", False),
    "dsprites": ("disentanglement of the ELBO and of beta-TCVAE, five seeds each", "12 min", False),
    "soak": ("500 fits of different shapes in one process: memory maps and resident memory", "25 min", False),
    "geco": ("five reconstruction errors asked on MNIST, and what new images have", "8 min", False),
    "betas": ("a path of betas: one program against eleven fits, its curve, pruning", "15 min", False),
    "iwae": ("Burda et al.'s table, and -log p(x) after 20 minutes", "20 min to days", False),
    "posteriordb": ("twelve posteriors: errors, verdicts, seconds; NumPyro, BlackJAX", "3 to 60 min", False),
    "verdicts": ("how often a verdict was right: densities with known moments, posteriordb", "15 min", False),
    "hierarchies": (
        "nine hierarchies with vague priors at raw scale, against long runs of NUTS",
        "10 min",
        False,
    ),
    "square": ("y = x^2: exact by quadrature, beside what each engine says", "1 min", False),
    "bayes_speed": ("W3: mean-field fits beside NumPyro, errors against NUTS", "10 min", False),
    "bayes_size": ("ten million rows from a file: memory and errors of a stochastic fit", "5 min", False),
    "cavi": ("coordinate ascent beside scikit-learn's: bounds and seconds", "10 min", False),
    "clinic": ("eight sick fits named and cured, three healthy ones left alone", "10 min", False),
}


def main(arguments: list[str]) -> int:
    """Run one benchmark, or list them all and run the quick ones."""
    if arguments and arguments[0] in BENCHMARKS:
        return import_module(f"benchmarks.{arguments[0]}").main(arguments[1:])
    for name, (purpose, time, _) in BENCHMARKS.items():
        print(f"{name:16} {purpose} ({time})")
    if arguments:
        print(f"There is no benchmark {arguments[0]!r}; the names stand above.", file=sys.stderr)
        return 0 if arguments[0] in ("-h", "--help") else 2
    failed = 0
    for name, (_, _, quick) in BENCHMARKS.items():
        if quick:
            print(f"\n== {name}", flush=True)
            failed |= import_module(f"benchmarks.{name}").main([])
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
