package dev.switchboard.gateway.admin;

import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.switchboard.gateway.routing.PredictionError;
import dev.switchboard.gateway.routing.Rates;
import dev.switchboard.gateway.routing.Workload;

/**
 * What was learned of a replica's speed, for people: rates, how it is off of late, and how sure
 * that is.
 */
final class LearnedJson {
  private LearnedJson() {}

  static ObjectNode of(Workload.Snapshot snapshot, PredictionError doubt) {
    Rates rates = snapshot.rates();
    ObjectNode json = JsonNodeFactory.instance.objectNode();
    json.put("samples", rates.samples());
    json.put("overhead_ms", rates.overheadMs());
    json.put("prompt_token_ms", rates.promptTokenMs());
    json.put("step_ms", rates.stepMs()).put("batch_ms", rates.batchMs());
    json.put("ttft_slowdown", Math.exp(rates.ttftSlowdown()));
    json.put("tpot_slowdown", Math.exp(rates.tpotSlowdown()));
    json.put("answer_tokens", rates.answerTokens());
    json.put("own_ttft_model", doubt.ownTtft()).put("own_tpot_model", doubt.ownTpot());
    json.put("ttft_slowdown_error", doubt.ttftSlowdownError());
    json.put("tpot_slowdown_error", doubt.tpotSlowdownError());
    json.put("prompt_token_error_ms", doubt.promptTokenErrorMs());
    json.put("batch_error_ms", doubt.batchErrorMs());
    json.put("prefix_trust", snapshot.prefixTrust());
    return json.put("overdue_ms", snapshot.overdueMs());
  }
}
