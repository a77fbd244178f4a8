# The budget: what it counts, and whom it notifies. Its policies: tests/policy/test_requests.py.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name              = "records"
  environment       = "dev"
  monthly_limit_usd = 25
  notify            = { emails = ["team@example.com"] }
}

run "by_default" {
  command = plan

  assert {
    condition = [
      aws_budgets_budget.monthly.name,
      aws_budgets_budget.monthly.budget_type,
      aws_budgets_budget.monthly.time_unit,
      aws_budgets_budget.monthly.limit_amount,
      aws_budgets_budget.monthly.limit_unit,
    ] == ["records-dev-eu-central-1", "COST", "MONTHLY", "25", "USD"]
    error_message = "It must be a monthly cost budget of $25."
  }

  assert {
    condition     = length(aws_budgets_budget.monthly.cost_filter) == 0
    error_message = "Without scope the budget must count the whole account."
  }

  assert {
    condition = alltrue([
      for types in aws_budgets_budget.monthly.cost_types :
      !types.include_credit && !types.include_refund
    ])
    error_message = "Credits and refunds must not hide usage."
  }

  assert {
    condition = toset([
      for notification in aws_budgets_budget.monthly.notification : join(" ", [
        notification.notification_type, notification.comparison_operator, notification.threshold,
        notification.threshold_type, one(notification.subscriber_email_addresses),
      ])
      ]) == toset([
      "ACTUAL GREATER_THAN 50 PERCENTAGE team@example.com",
      "ACTUAL GREATER_THAN 80 PERCENTAGE team@example.com",
      "ACTUAL GREATER_THAN 100 PERCENTAGE team@example.com",
      "FORECASTED GREATER_THAN 100 PERCENTAGE team@example.com",
    ])
    error_message = "Each default threshold must notify the team."
  }

  assert {
    condition = (
      length(aws_sns_topic.budget) + length(aws_kms_key.budget) +
      length(aws_ce_anomaly_monitor.spend) + length(aws_ce_anomaly_subscription.spend)
    ) == 0
    error_message = "Topic, key and anomaly monitor must not exist by default."
  }
}

run "with_limit_scope_and_thresholds" {
  command = plan

  variables {
    anomaly_monitor   = { impact_usd = 5, in_management_account = true }
    monthly_limit_usd = 0.01
    scope             = { tag_key = "Service", tag_value = "records-dev" }

    thresholds = {
      early = { percent = 12.5 }
      ahead = { percent = 150, type = "FORECASTED" }
    }
  }

  assert {
    condition     = aws_budgets_budget.monthly.limit_amount == "0.01"
    error_message = "The limit must be monthly_limit_usd."
  }

  assert {
    condition = {
      for filter in aws_budgets_budget.monthly.cost_filter : filter.name => one(filter.values)
    } == { TagKeyValue = join("", ["user:Service", "$", "records-dev"]) }
    error_message = "The tag filter must read user:Key$Value."
  }

  assert {
    condition = toset([
      for notification in aws_budgets_budget.monthly.notification :
      "${notification.notification_type} ${notification.threshold}"
    ]) == toset(["ACTUAL 12.5", "FORECASTED 150"])
    error_message = "The notifications must be those of thresholds."
  }

  assert {
    condition = (
      aws_ce_anomaly_monitor.spend["anomaly_monitor"].monitor_type == "CUSTOM" &&
      aws_ce_anomaly_monitor.spend["anomaly_monitor"].monitor_dimension == null &&
      jsondecode(aws_ce_anomaly_monitor.spend["anomaly_monitor"].monitor_specification).Tags == {
        Key          = "Service"
        MatchOptions = null
        Values       = ["records-dev"]
      }
    )
    error_message = "With scope the monitor must cover the tag."
  }

  assert {
    condition     = keys(aws_ce_anomaly_subscription.spend) == ["DAILY"]
    error_message = "Without a topic there must be no immediate subscription."
  }
}

run "created_topic_is_encrypted_and_notified" {
  variables {
    notify = { create_topic = true }
  }

  assert {
    condition = alltrue([
      for notification in aws_budgets_budget.monthly.notification :
      notification.subscriber_sns_topic_arns == toset([aws_sns_topic.budget["create_topic"].arn]) &&
      length(notification.subscriber_email_addresses) == 0
    ])
    error_message = "Every threshold must notify the topic."
  }

  assert {
    condition     = output.topic_arn == aws_sns_topic.budget["create_topic"].arn
    error_message = "The topic must be an output, for subscriptions."
  }

  assert {
    condition = (
      aws_sns_topic.budget["create_topic"].kms_master_key_id ==
      aws_kms_key.budget["create_topic"].arn
    )
    error_message = "The topic must be encrypted with its key."
  }
}

run "existing_topic_is_notified" {
  command = plan

  variables {
    notify = {
      emails = ["team@example.com", "boss@example.com"]
      topic  = { arn = "arn:aws:sns:eu-central-1:111122223333:alarms" }
    }
  }

  assert {
    condition = alltrue([
      for notification in aws_budgets_budget.monthly.notification :
      notification.subscriber_sns_topic_arns == toset([var.notify.topic.arn]) &&
      notification.subscriber_email_addresses == toset(["boss@example.com", "team@example.com"])
    ])
    error_message = "Every threshold must notify topic and addresses."
  }

  assert {
    condition     = length(aws_sns_topic.budget) == 0 && output.topic_arn == null
    error_message = "No second topic may exist."
  }
}

run "anomalies_are_sent_to_topic_and_addresses" {
  variables {
    anomaly_monitor = {}
    notify          = { emails = ["team@example.com"], create_topic = true }
  }

  assert {
    condition = [
      aws_ce_anomaly_monitor.spend["anomaly_monitor"].monitor_type,
      aws_ce_anomaly_monitor.spend["anomaly_monitor"].monitor_dimension,
    ] == ["DIMENSIONAL", "SERVICE"]
    error_message = "Without scope the monitor must cover all services."
  }

  assert {
    condition = {
      for frequency, subscription in aws_ce_anomaly_subscription.spend : frequency => [
        for subscriber in subscription.subscriber : [subscriber.type, subscriber.address]
      ]
      } == {
      DAILY     = [["EMAIL", "team@example.com"]]
      IMMEDIATE = [["SNS", "arn:aws:sns:eu-central-1:111122223333:records-dev-eu-central-1-budget"]]
    }
    error_message = "Addresses must get daily summaries, topics individual alerts."
  }

  assert {
    condition = alltrue([
      for subscription in aws_ce_anomaly_subscription.spend : {
        for dimension in subscription.threshold_expression[0].dimension :
        dimension.key => one(dimension.values)
      } == { ANOMALY_TOTAL_IMPACT_ABSOLUTE = "20" }
    ])
    error_message = "Only anomalies of $20 and more may be reported."
  }
}
