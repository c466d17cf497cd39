package dev.switchboard.worker;

import dev.switchboard.gguf.ModelDescription.Pooling;
import dev.switchboard.openai.ApiError;
import dev.switchboard.openai.ApiException;
import java.util.Locale;

/** What a model is asked for. */
enum ModelTask {
  /** Text after a text. */
  GENERATE("generates text; use /v1/chat/completions or /v1/completions"),
  /** A vector for a text. */
  EMBED("gives embeddings; use /v1/embeddings or /v1/rerank"),
  /** A score for a query and a document. */
  RANK("ranks documents; use /v1/rerank");

  private final String duty;

  ModelTask(String duty) {
    this.duty = duty;
  }

  static ModelTask of(Pooling pooling) {
    return switch (pooling) {
      case NONE -> GENERATE;
      case MEAN, CLS, LAST -> EMBED;
      case RANK -> RANK;
    };
  }

  String word() {
    return name().toLowerCase(Locale.ROOT);
  }

  /** Says to whoever asked this model for something else what it is there for. */
  ApiException refusal(String model) {
    return new ApiException(ApiError.invalid("model", "The model '" + model + "' " + duty + "."));
  }
}
