package dev.switchboard.gateway.http;

/** A path that makes an upstream work. */
enum Endpoint {
  CHAT("/v1/chat/completions", "chat", true),
  COMPLETIONS("/v1/completions", "text_completion", true),
  EMBEDDINGS("/v1/embeddings", "embeddings", false),
  RERANK("/v1/rerank", "rerank", false),
  TOKENIZE("/tokenize", "tokenize", false),
  DETOKENIZE("/detokenize", "detokenize", false);

  private final String path;
  private final String operation;
  private final boolean generates;

  Endpoint(String path, String operation, boolean generates) {
    this.path = path;
    this.operation = operation;
    this.generates = generates;
  }

  String path() {
    return path;
  }

  /** Its GenAI operation name where there is one, which is also its metric label. */
  String operation() {
    return operation;
  }

  /** Whether an engine works for it, so that it needs a place at a replica. */
  boolean computes() {
    return this != TOKENIZE && this != DETOKENIZE;
  }

  /** Whether its answers hold tokens that were generated for it, so that it has a first one. */
  boolean generates() {
    return generates;
  }
}
