package dev.switchboard.tokenizer;

import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.GgufFile;
import dev.switchboard.gguf.GgufMetadata;

/** Makes the tokenizer a GGUF file describes. */
public final class Tokenizers {
  private Tokenizers() {}

  /**
   * Builds the tokenizer; it does not need the file afterwards.
   *
   * @throws GgufException when the file has none, an unsupported one or a broken one
   */
  public static Tokenizer from(GgufFile file) {
    GgufMetadata metadata = file.metadata();
    String model = metadata.string("tokenizer.ggml.model");
    return switch (model) {
      case "llama" -> new SentencePieceTokenizer(metadata);
      case "gpt2" ->
          new BytePairTokenizer(
              metadata, PreTokenizer.of(metadata.string("tokenizer.ggml.pre", "default")));
      case "bert" -> new WordPieceTokenizer(metadata);
      default ->
          throw new GgufException(
              Reason.UNSUPPORTED_TOKENIZER,
              "tokenizer.ggml.model is "
                  + GgufException.quote(model)
                  + ", not one of llama, gpt2, bert");
    };
  }
}
