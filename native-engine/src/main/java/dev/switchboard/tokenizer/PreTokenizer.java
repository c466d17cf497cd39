package dev.switchboard.tokenizer;

import dev.switchboard.gguf.GgufException;
import dev.switchboard.gguf.GgufException.Reason;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Cuts a text into the words within which byte-level BPE merges.
 *
 * <p>A model is trained with one list of expressions, named by {@code tokenizer.ggml.pre}. Each
 * expression in turn cuts every piece so far into its matches and the text between them. With a
 * wrong one a model still answers, only worse, so an unknown name is an error. The expressions are
 * the ones of the models' own {@code tokenizer.json}.
 *
 * <p>All of them match in time linear in the text and without recursion: alternatives only at the
 * top level, repetition only of single characters, and nothing that can fail after a long run
 * except where the run is then matched by the next alternative.
 */
final class PreTokenizer {
  private static final Map<String, List<String>> EXPRESSIONS = new HashMap<>();

  private static final List<String> LLAMA3 =
      List.of(
          "llama3",
          "llama-v3",
          "llama-bpe",
          "falcon3",
          "falcon-h1",
          "pixtral",
          "midm-2.0",
          "lfm2",
          "jina-v5-nano");
  private static final String TEKKEN = "tekken";
  private static final String MINICPM5 = "minicpm5";

  static {
    learn(List.of("default"), "[\\p{P}$+<=>^~|]+", Words.GPT2, "\\p{N}+", "[0-9][0-9][0-9]");
    learn(
        List.of(
            "gpt-2",
            "phi-2",
            "mpt",
            "olmo",
            "jais",
            "trillion",
            "granite-docling",
            "exaone4",
            "gigachat",
            "a.x-4.0",
            "mellum",
            "modern-bert",
            "roberta-bpe",
            "jina-es",
            "jina-de",
            "jina-v1-en",
            "jina-v2-es",
            "jina-v2-de",
            "jina-v2-code"),
        Words.GPT2);
    learn(
        List.of(
            "smollm",
            "starcoder",
            "refact",
            "command-r",
            "codeshell",
            "exaone",
            "minerva-7b",
            "mellum2"),
        "\\p{N}",
        Words.GPT2);
    learn(List.of("falcon"), "[\\p{P}$+<=>^~|`]+", Words.GPT2, "[0-9][0-9][0-9]");
    learn(LLAMA3, Words.cased("\\p{L}", "\\p{N}{1,3}"));
    learn(
        List.of("dbrx", "smaug-bpe", "chatglm-bpe", "glm4"), Words.cased("\\p{L}", "\\p{N}{1,3}"));
    learn(
        List.of(
            "qwen2",
            "deepseek-r1-qwen",
            "stablelm2",
            "megrez",
            "kormo",
            "f2llmv2",
            "hunyuan",
            "solar-open",
            "grok-2"),
        Words.cased("\\p{L}", "\\p{N}"));
    learn(List.of("qwen35"), Words.cased("\\p{L}\\p{M}", "\\p{N}"));
    learn(List.of(MINICPM5), "\\p{N}{1,3}", Words.cased("\\p{L}", "\\p{N}+"));
    learn(List.of(TEKKEN), Words.byCase("", "\\p{N}"));
    learn(
        List.of("gpt-4o", "llama4", "kanana2", "talkie", "minimax-m2"),
        Words.byCase("(?:" + Words.SUFFIX + ")?", "\\p{N}{1,3}"));
    learn(
        List.of("seed-coder"),
        Words.SUFFIX
            + "|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+|"
            + Words.SPACE);
    learn(
        List.of("bailingmoe", "bailingmoe2", "llada-moe"),
        "'(?:[sSdDmMtT]|[lL][lL]|[vV][eE]|[rR][eE])|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}"
            + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+");
    learn(
        List.of("deepseek-llm"),
        "[\\r\\n]",
        "\\s?[" + Words.DEEPSEEK_LETTERS + "]+",
        "\\s?[!-/:-~！-／：-～‘-‟\\x{3000}-。]+",
        "(?<!\\s)\\s+\\z",
        "[一-\\x{9FA5}\\x{800}-一\\x{AC00}-\\x{D7FF}]+",
        "\\p{N}+");
    learn(
        List.of("deepseek-coder"),
        "[\\r\\n]",
        "\\s?\\p{L}+",
        "\\s?\\p{P}+",
        "[一-\\x{9FA5}\\x{800}-一\\x{AC00}-\\x{D7FF}]+",
        "\\p{N}");
    learn(
        List.of("deepseek-v3", "hunyuan-dense", "joyai-llm", "hy_v4"),
        "\\p{N}{1,3}",
        "[一-\\x{9FA5}\\x{3040}-ゟ゠-ヿ]+",
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+"
            + "|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
            + "| ?[\\p{P}\\p{S}]+[\\r\\n]*|"
            + Words.SPACE);
    learn(List.of("bloom", "poro-chat", "gpt3-finnish"), Words.BLOOM);
    learn(List.of("viking"), Words.BLOOM, "\\p{N}");
  }

  private final String name;
  private final List<Pattern> expressions;

  private PreTokenizer(String name, List<String> expressions) {
    this.name = name;
    this.expressions = expressions.stream().map(PreTokenizer::compile).toList();
  }

  private static void learn(List<String> names, String... expressions) {
    names.forEach(name -> EXPRESSIONS.put(name, List.of(expressions)));
  }

  /** Java's {@code \s} is ASCII; the models mean Unicode's White_Space. */
  private static Pattern compile(String expression) {
    return Pattern.compile(
        expression.replace("\\s", "\\p{IsWhite_Space}").replace("\\S", "\\P{IsWhite_Space}"));
  }

  static Set<String> names() {
    return Collections.unmodifiableSet(EXPRESSIONS.keySet());
  }

  static PreTokenizer of(String name) {
    List<String> expressions = EXPRESSIONS.get(name);
    if (expressions == null) {
      throw new GgufException(
          Reason.UNSUPPORTED_TOKENIZER,
          "tokenizer.ggml.pre is " + GgufException.quote(name) + ", which is not known");
    }
    return new PreTokenizer(name, expressions);
  }

  /** Whether a word that is a token is taken whole, before any merge. */
  boolean ignoresMerges() {
    return addsBos() || name.equals(MINICPM5);
  }

  /** Whether models with it want BOS where the file does not say. */
  boolean addsBos() {
    return LLAMA3.contains(name) || name.equals(TEKKEN);
  }

  /** Receives words in order, as char ranges of the text. */
  interface Sink {
    void word(int from, int to);
  }

  void split(String text, Sink sink) {
    split(text, 0, text.length(), 0, sink);
  }

  private void split(String text, int from, int to, int expression, Sink sink) {
    if (expression == expressions.size()) {
      sink.word(from, to);
      return;
    }
    Matcher matcher = expressions.get(expression).matcher(text).region(from, to);
    int done = from;
    while (matcher.find()) {
      if (matcher.start() > done) {
        split(text, done, matcher.start(), expression + 1, sink);
      }
      split(text, matcher.start(), matcher.end(), expression + 1, sink);
      done = matcher.end();
    }
    if (done < to) {
      split(text, done, to, expression + 1, sink);
    }
  }

  /** Expressions that several models share. */
  private static final class Words {
    static final String SPACE = "\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";
    static final String SUFFIX = "'(?:[sStTmMdD]|[rR][eE]|[vV][eE]|[lL][lL])";
    static final String GPT2 =
        "'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
    static final String BLOOM = " ?[^(\\s|.,!?…。，、।۔،)]+";

    /** Letters with case, as the Unicode version of the model's tokenizer had them. */
    static final String DEEPSEEK_LETTERS =
        "A-Za-zµÀ-ÖØ-öø-ƺƼ-ƿǄ-ʓʕ-ʯͰ-ͳͶͷͻ-ͽͿΆΈ-ΊΌΎ-ΡΣ-ϵϷ-ҁҊ-ԯԱ-ՖႠ-ჅᎠ-Ᏽᏸ-ᏽᲐ-ᲺᲽ-Ჿᴀ-ᴫᵫ-ᵷᵹ-ᶚ"
            + "Ḁ-ἕἘ-Ἕἠ-ὅὈ-Ὅὐ-ὗὙὛὝὟ-\\x{1F7D}ᾀ-ᾴᾶ-ᾼ\\x{1FBE}ῂ-ῄῆ-ῌῐ-\\x{1FD3}ῖ-\\x{1FDB}ῠ-Ῥῲ-ῴῶ-ῼ"
            + "ℂℇℊ-ℓℕℙ-ℝℤ\\x{2126}ℨ\\x{212A}-ℭℯ-ℴℹℼ-ℿⅅ-ⅉⅎↃↄⰀ-ⱻⱾ-ⳤⳫ-ⳮⳲⳳꙀ-ꙭꚀ-ꚛꜢ-ꝯꝱ-ꞇꞋ-ꞎ"
            + "ꭰ-ꮿﬀ-ﬆﬓ-ﬗＡ-Ｚａ-ｚ𐐀-𐑏𐒰-𐓓𐓘-𐓻𐲀-𐲲𐳀-𐳲𑢠-𑣟𞤀-𞥃";

    private Words() {}

    /** Llama 3's expression: runs of letters with at most one other character before them. */
    static String cased(String letters, String numbers) {
      String others = "\\s\\p{N}" + letters;
      return SUFFIX
          + "|[^\\r\\n\\p{L}\\p{N}]?["
          + letters
          + "]+|"
          + numbers
          + "| ?[^"
          + others
          + "]+[\\r\\n]*|"
          + SPACE;
    }

    /** The expression of gpt-4o and its kin: a word also ends where lower case turns to upper. */
    static String byCase(String suffix, String numbers) {
      String upper = "[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]";
      String lower = "[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]";
      String before = "[^\\r\\n\\p{L}\\p{N}]?";
      return before
          + upper
          + "*"
          + lower
          + "+"
          + suffix
          + "|"
          + before
          + upper
          + "+"
          + lower
          + "*"
          + suffix
          + "|"
          + numbers
          + "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|"
          + SPACE;
    }
  }
}
