package dev.switchboard.openai;

import java.util.List;

/**
 * A valid {@code POST /v1/rerank}.
 *
 * @param documents at least one
 * @param topN how many are answered, best first
 * @param returnDocuments whether they come back with their scores
 * @param priority the higher the sooner
 */
public record RerankRequest(
    String model,
    String query,
    List<String> documents,
    int topN,
    boolean returnDocuments,
    int priority) {
  public RerankRequest {
    documents = List.copyOf(documents);
  }
}
