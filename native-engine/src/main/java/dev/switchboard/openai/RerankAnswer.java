package dev.switchboard.openai;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The answer to {@code POST /v1/rerank}.
 *
 * @param results best first
 */
public record RerankAnswer(String model, List<Result> results, int promptTokens) {
  public RerankAnswer {
    results = List.copyOf(results);
  }

  /**
   * One document.
   *
   * @param index in the request
   * @param document null when it was not asked for
   */
  public record Result(int index, float score, @Nullable String document) {}

  /**
   * The body.
   *
   * @param switchboardJson the {@code switchboard} object, or null
   */
  public String toJson(@Nullable String switchboardJson) {
    JsonWriter json = new JsonWriter(256 + 64 * results.size());
    json.raw("{\"object\":\"list\",\"model\":").string(model).raw(",\"results\":[");
    for (int i = 0; i < results.size(); i++) {
      Result result = results.get(i);
      json.raw(i == 0 ? "" : ",").raw("{\"index\":").number(result.index());
      json.raw(",\"relevance_score\":").real(result.score());
      if (result.document() != null) {
        json.raw(",\"document\":{\"text\":").string(result.document()).raw("}");
      }
      json.raw("}");
    }
    EmbeddingAnswer.writeUsage(json.raw("],\"usage\":"), promptTokens);
    return json.switchboard(switchboardJson).raw("}").toString();
  }
}
