"""An Airflow DAG (Airflow 3) that runs ringtrace every day and checks the run against thresholds.

Set the Airflow variables `ringtrace_home` (a checkout with its .venv), `ringtrace_input` and
`ringtrace_runs`; see docs/operations.md.
"""

from datetime import datetime, timedelta

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG

HOME = "{{ var.value.ringtrace_home }}"
DAY = "{{ data_interval_end | ds }}"

with DAG(
    dag_id="ringtrace_daily",
    schedule="15 1 * * *",
    start_date=datetime(2026, 1, 1),
    catchup=False,
    # A run follows the one of the day before: never two at once, never one before its predecessor.
    max_active_runs=1,
    default_args={
        "depends_on_past": True,
        "retries": 2,
        "retry_delay": timedelta(minutes=10),
        "execution_timeout": timedelta(hours=6),
    },
) as dag:
    settings = {
        "PATH": f"{HOME}/.venv/bin:/usr/local/bin:/usr/bin:/bin",
        "RINGTRACE_INPUT": "{{ var.value.ringtrace_input }}",
        "RINGTRACE_RUNS": "{{ var.value.ringtrace_runs }}",
    }
    run = BashOperator(
        task_id="run", bash_command=f"{HOME}/deploy/daily.sh {DAY}", append_env=True, env=settings
    )
    check = BashOperator(
        task_id="check",
        bash_command=f"{HOME}/deploy/daily.sh check {DAY}",
        append_env=True,
        env=settings,
        retries=0,
    )
    run >> check
