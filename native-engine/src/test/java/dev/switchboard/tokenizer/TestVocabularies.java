package dev.switchboard.tokenizer;

import static dev.switchboard.gguf.GgufBuilder.f32s;
import static dev.switchboard.gguf.GgufBuilder.i32s;
import static dev.switchboard.gguf.GgufBuilder.string;
import static dev.switchboard.gguf.GgufBuilder.strings;
import static dev.switchboard.gguf.GgufBuilder.u32;

import dev.switchboard.gguf.GgufBuilder;
import dev.switchboard.gguf.GgufFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/** Vocabularies that tests tokenize with: the golden ones and small built ones. */
final class TestVocabularies {
  static final List<String> NAMES =
      List.of("pieces", "pieces-chat", "bytes-gpt-2", "bytes-starcoder", "words");

  /** One name of each way to cut text before byte pairs are merged. */
  static final List<String> PRE_TOKENIZERS =
      List.of(
          "default",
          "gpt-2",
          "smollm",
          "falcon",
          "llama3",
          "qwen2",
          "qwen35",
          "minicpm5",
          "tekken",
          "gpt-4o",
          "seed-coder",
          "bailingmoe",
          "deepseek-llm",
          "deepseek-coder",
          "deepseek-v3",
          "bloom",
          "viking");

  private static final Path GOLDEN = Path.of("src/test/resources/golden/tokenizers");
  private static final Map<String, Tokenizer> LOADED = new ConcurrentHashMap<>();

  private TestVocabularies() {}

  static Path file(String name) {
    return GOLDEN.resolve(name + ".gguf");
  }

  static Tokenizer golden(String name) {
    return LOADED.computeIfAbsent(
        name,
        key -> {
          try (GgufFile gguf = GgufFile.open(file(key))) {
            return Tokenizers.from(gguf);
          }
        });
  }

  static Tokenizer from(GgufBuilder builder) {
    return Tokenizers.from(builder.open());
  }

  /**
   * Byte-level BPE: 256 bytes, then the words given (each with merges that build it from the left),
   * then {@code <|im_start|>}, {@code <|im_end|>} and the user-defined {@code <tool>}.
   */
  static GgufBuilder bytePair(String pre, String... words) {
    List<String> tokens = new ArrayList<>();
    List<String> merges = new ArrayList<>();
    for (int value = 0; value < 256; value++) {
      tokens.add(new String(ByteAlphabet.spelled(value), StandardCharsets.UTF_8));
    }
    for (String word : words) {
      for (int end = 2; end <= word.length(); end++) {
        if (!tokens.contains(word.substring(0, end))) {
          tokens.add(word.substring(0, end));
          merges.add(word.substring(0, end - 1) + " " + word.charAt(end - 1));
        }
      }
    }
    int[] kinds = new int[tokens.size() + 3];
    Arrays.fill(kinds, 1);
    kinds[tokens.size()] = 3;
    kinds[tokens.size() + 1] = 3;
    kinds[tokens.size() + 2] = 4;
    tokens.addAll(List.of("<|im_start|>", "<|im_end|>", "<tool>"));
    return new GgufBuilder()
        .put("tokenizer.ggml.model", string("gpt2"))
        .put("tokenizer.ggml.pre", string(pre))
        .put("tokenizer.ggml.tokens", strings(tokens))
        .put("tokenizer.ggml.token_type", i32s(kinds))
        .put("tokenizer.ggml.merges", strings(merges));
  }

  /** SentencePiece over {@code a}, {@code b}, their merges and three byte tokens. */
  static GgufBuilder sentencePiece() {
    return new GgufBuilder()
        .put("tokenizer.ggml.model", string("llama"))
        .put(
            "tokenizer.ggml.tokens",
            strings(
                List.of(
                    "<unk>", "<s>", "</s>", "<0xC3>", "<0xA9>", "▁", "a", "b", "ab", "▁a", "▁ab",
                    "[X]", "<", "s", ">", "s>", "<s")))
        .put(
            "tokenizer.ggml.scores",
            f32s(0, 0, 0, 0, 0, -9, -9, -9, -1, -2, -3, 0, -9, -9, -9, -1, -2))
        .put("tokenizer.ggml.token_type", i32s(2, 3, 3, 6, 6, 1, 1, 1, 1, 1, 1, 4, 1, 1, 1, 1, 1))
        .put("tokenizer.ggml.bos_token_id", u32(1));
  }

  /** WordPiece of a few words. */
  static GgufBuilder wordPiece() {
    return new GgufBuilder()
        .put("tokenizer.ggml.model", string("bert"))
        .put(
            "tokenizer.ggml.tokens",
            strings(List.of("[UNK]", "[CLS]", "[SEP]", "▁play", "ing", "▁,", "▁cafe", "▁漢")))
        .put("tokenizer.ggml.token_type", i32s(3, 3, 3, 1, 1, 1, 1, 1))
        .put("tokenizer.ggml.unknown_token_id", u32(0))
        .put("tokenizer.ggml.cls_token_id", u32(1))
        .put("tokenizer.ggml.seperator_token_id", u32(2));
  }
}
