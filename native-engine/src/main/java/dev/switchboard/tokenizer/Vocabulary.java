package dev.switchboard.tokenizer;

import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufException.Reason;
import dev.switchboard.gguf.GgufMetadata;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** The part of a tokenizer that does not depend on its algorithm: tokens, kinds and special ids. */
final class Vocabulary {
  static final int NONE = TokenTable.NONE;

  /** Tokens that end a generation by their spelling: files often name only one of them. */
  private static final List<String> ENDS =
      List.of(
          "</s>",
          "<eos>",
          "<EOT>",
          "_<EOT>",
          "[EOS]",
          "[EOT]",
          "<|im_end|>",
          "<|eot_id|>",
          "<|eom_id|>",
          "<|end|>",
          "<|return|>",
          "<|call|>",
          "<|endoftext|>",
          "<|end_of_text|>",
          "<end_of_turn>",
          "<end_of_utterance>",
          "<｜end▁of▁sentence｜>",
          "<|fim_pad|>",
          "<fim_pad>",
          "<fim-pad>",
          "<|repo_name|>",
          "<|fim_repo|>",
          "<fim-repo>",
          "<reponame>",
          "<|file_sep|>");

  /** What stands before, behind and in a hole: structure, whatever the file calls it. */
  private static final List<String> FILL_PREFIX =
      List.of("<|fim_prefix|>", "<fim_prefix>", "<fim-prefix>", "<｜fim▁begin｜>", "▁<PRE>");

  private static final List<String> FILL_SUFFIX =
      List.of("<|fim_suffix|>", "<fim_suffix>", "<fim-suffix>", "<｜fim▁hole｜>", "▁<SUF>");
  private static final List<String> FILL_MIDDLE =
      List.of("<|fim_middle|>", "<fim_middle>", "<fim-middle>", "<｜fim▁end｜>", "▁<MID>");

  private final TokenTable table;
  private final TokenKind[] kinds;
  private final float[] scores;
  private final int bos;
  private final int eos;
  private final int unknown;
  private final boolean addBos;
  private final boolean addEos;
  private final Set<Integer> ends;
  private final Tokenizer.@Nullable FillIn fillIn;
  private final @Nullable String chatTemplate;
  private final @Nullable String toolTemplate;

  /** What a tokenizer family assumes where a file is silent; -1 is none. */
  record Defaults(int bos, int eos, int unknown, boolean addBos, boolean addEos) {}

  Vocabulary(GgufMetadata metadata, Defaults defaults) {
    table = new TokenTable(metadata.strings("tokenizer.ggml.tokens"));
    if (table.size() == 0) {
      throw new GgufException(Reason.BAD_TOKENIZER, "tokenizer.ggml.tokens is empty");
    }
    kinds = readKinds(metadata, table.size());
    scores = readScores(metadata, table.size());
    bos = special(metadata, defaults.bos, "bos_token_id", "cls_token_id");
    eos = special(metadata, defaults.eos, "eos_token_id", "seperator_token_id");
    unknown = special(metadata, defaults.unknown, "unknown_token_id");
    addBos = bos != NONE && metadata.bool("tokenizer.ggml.add_bos_token", defaults.addBos);
    addEos = eos != NONE && metadata.bool("tokenizer.ggml.add_eos_token", defaults.addEos);
    ends = findEnds(metadata);
    int prefix = fill(metadata, FILL_PREFIX, "fim_pre_token_id", "prefix_token_id");
    int suffix = fill(metadata, FILL_SUFFIX, "fim_suf_token_id", "suffix_token_id");
    int middle = fill(metadata, FILL_MIDDLE, "fim_mid_token_id", "middle_token_id");
    boolean fills = prefix != NONE && suffix != NONE && middle != NONE;
    fillIn = fills ? new Tokenizer.FillIn(prefix, suffix, middle) : null;
    chatTemplate = metadata.stringOrNull("tokenizer.chat_template");
    toolTemplate = metadata.stringOrNull("tokenizer.chat_template.tool_use");
  }

  private static TokenKind[] readKinds(GgufMetadata metadata, int count) {
    String key = "tokenizer.ggml.token_type";
    TokenKind[] kinds = new TokenKind[count];
    Arrays.fill(kinds, TokenKind.NORMAL);
    if (metadata.has(key)) {
      int[] ids = metadata.integersOrEmpty(key);
      checkCount(key, ids.length, count);
      Arrays.setAll(kinds, i -> TokenKind.byId(ids[i]));
    }
    return kinds;
  }

  private static float[] readScores(GgufMetadata metadata, int count) {
    String key = "tokenizer.ggml.scores";
    if (!metadata.has(key)) {
      return new float[count];
    }
    float[] scores = metadata.realsOrEmpty(key);
    checkCount(key, scores.length, count);
    return scores;
  }

  private static void checkCount(String key, int count, int tokens) {
    if (count != tokens) {
      throw new GgufException(
          Reason.BAD_TOKENIZER, key + " has " + count + " entries for " + tokens + " tokens");
    }
  }

  /** The first of the keys that is there, else the default where the vocabulary has such an id. */
  private int special(GgufMetadata metadata, int fallback, String... suffixes) {
    for (String suffix : suffixes) {
      String key = "tokenizer.ggml." + suffix;
      if (metadata.has(key)) {
        return metadata.integer(key, 0, table.size() - 1);
      }
    }
    return fallback < table.size() ? fallback : NONE;
  }

  private Set<Integer> findEnds(GgufMetadata metadata) {
    Set<Integer> found = new HashSet<>();
    found.add(eos);
    found.add(special(metadata, NONE, "eot_token_id"));
    found.add(special(metadata, NONE, "eom_token_id"));
    ENDS.forEach(text -> found.add(makeControl(text)));
    found.remove(NONE);
    return Set.copyOf(found);
  }

  /** The token that the file names, else one of these spellings. */
  private int fill(GgufMetadata metadata, List<String> spellings, String... keys) {
    int found = special(metadata, NONE, keys);
    for (String spelling : spellings) {
      int id = makeControl(spelling);
      found = found == NONE ? id : found;
    }
    if (found != NONE) {
      kinds[found] = TokenKind.CONTROL;
    }
    return found;
  }

  /** Files mark some structural tokens as text; a user who spells one must not produce it. */
  private int makeControl(String text) {
    int id = find(text);
    if (id != NONE) {
      kinds[id] = TokenKind.CONTROL;
    }
    return id;
  }

  TokenTable table() {
    return table;
  }

  int size() {
    return table.size();
  }

  TokenKind kind(int id) {
    return kinds[id];
  }

  float score(int id) {
    return scores[id];
  }

  int find(String text) {
    return table.find(text.getBytes(StandardCharsets.UTF_8));
  }

  /** Id of the token plain text may give for these bytes, or -1. */
  int findSpelled(byte[] text, int from, int to) {
    int id = table.find(text, from, to);
    return id != NONE && kinds[id].isSpelled() ? id : NONE;
  }

  int bos() {
    return bos;
  }

  int eos() {
    return eos;
  }

  int unknown() {
    return unknown;
  }

  /**
   * What stands for a byte no token spells: the unknown token, or -1 where that is a control token,
   * as in vocabularies whose only special token is their end of text.
   */
  int unknownByte() {
    return unknown == NONE || kinds[unknown] == TokenKind.CONTROL ? NONE : unknown;
  }

  boolean addBos() {
    return addBos;
  }

  boolean addEos() {
    return addEos;
  }

  Set<Integer> ends() {
    return ends;
  }

  Tokenizer.@Nullable FillIn fillIn() {
    return fillIn;
  }

  @Nullable String chatTemplate() {
    return chatTemplate;
  }

  @Nullable String toolTemplate() {
    return toolTemplate;
  }
}
