from .raise_alerts import DropRepeatedAlerts as DropRepeatedAlerts, RaiseAlerts as RaiseAlerts
from .rules import AlertRules as AlertRules, CollectKnownClusters as CollectKnownClusters
from .sinks import (
    ALERTS_FOLDER as ALERTS_FOLDER,
    DELIVERED_FOLDER as DELIVERED_FOLDER,
    PostAlertsToWebhook as PostAlertsToWebhook,
    SendAlertsToKafka as SendAlertsToKafka,
    WriteAlertFiles as WriteAlertFiles,
    WriteAlertsToKafka as WriteAlertsToKafka,
    WriteAlertsToPubSub as WriteAlertsToPubSub,
    webhook_url_problem as webhook_url_problem,
)
