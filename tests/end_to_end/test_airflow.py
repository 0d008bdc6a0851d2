"""The example DAG loads in Airflow, and its tasks run what this repository has."""

import re

import pytest

from tests.support.real_data import ROOT

pytestmark = pytest.mark.airflow


def test_the_dag_loads_and_calls_what_exists():
    from airflow.models.dagbag import DagBag

    bag = DagBag(str(ROOT / "deploy" / "airflow"), include_examples=False)
    assert bag.import_errors == {}
    (dag,) = bag.dags.values()
    run, check = dag.topological_sort()
    assert (run.task_id, check.task_id) == ("run", "check")
    assert dag.max_active_runs == 1
    assert run.depends_on_past
    for task, words in ((run, "daily.sh {{"), (check, "daily.sh check {{")):
        assert (ROOT / re.search(r"}}/(\S+)", task.bash_command)[1]).is_file()
        assert words in task.bash_command
        assert {"RINGTRACE_INPUT", "RINGTRACE_RUNS"} <= set(task.env)
