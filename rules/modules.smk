"""Which files decide the numbers of each stage, as inputs of its rules: its script, and the modules that it names."""


def code(stage):
    """The script and the library modules whose content decides a stage's numbers."""
    modules = [ROOT / "src/lacuna" / module for module in PLAN.stages[stage].modules]
    files = [
        p
        for m in modules
        for p in (sorted(m.rglob("*.py")) if m.is_dir() else [m.with_suffix(".py")])
    ]
    return [f"workflow/scripts/{stage}.py", *(str(p.relative_to(ROOT)) for p in files)]
