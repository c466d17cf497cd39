package dev.switchboard.gateway.http;

/** A path that makes an upstream work. */
enum Endpoint {
  CHAT("/v1/chat/completions", "chat"),
  COMPLETIONS("/v1/completions", "text_completion");

  private final String path;
  private final String operation;

  Endpoint(String path, String operation) {
    this.path = path;
    this.operation = operation;
  }

  String path() {
    return path;
  }

  /** Its GenAI operation name, which is also its metric label. */
  String operation() {
    return operation;
  }
}
