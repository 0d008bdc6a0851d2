"""The batch run: options to a plan, the plan to a published run."""
