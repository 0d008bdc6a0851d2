from .raise_alerts import (
    ALERTS_FOLDER as ALERTS_FOLDER,
    DELIVERED_FOLDER as DELIVERED_FOLDER,
    SENT_FOLDER as SENT_FOLDER,
    DropRepeatedAlerts as DropRepeatedAlerts,
    RaiseAlerts as RaiseAlerts,
    SendAlertsToKafka as SendAlertsToKafka,
    hold_back_alerts as hold_back_alerts,
    post_alerts as post_alerts,
    webhook_url_problem as webhook_url_problem,
    write_alert_files as write_alert_files,
    write_alerts_to_kafka as write_alerts_to_kafka,
    write_alerts_to_pubsub as write_alerts_to_pubsub,
)
from .rules import AlertRules as AlertRules, known_clusters as known_clusters
