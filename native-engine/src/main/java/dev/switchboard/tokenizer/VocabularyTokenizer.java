package dev.switchboard.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What all tokenizers share: special tokens are cut out, the text between them is encoded. */
abstract class VocabularyTokenizer implements Tokenizer {
  static final byte[] NO_BYTES = {};

  private static final String SPELLED_SPACE = "▁";
  private static final int[] NO_SPANS = {};

  final Vocabulary vocabulary;
  private final SpecialTokens specials;

  VocabularyTokenizer(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    this.specials = new SpecialTokens(vocabulary);
  }

  /** The working memory of one call. */
  interface Encoder {
    /**
     * Adds the tokens of text without special tokens.
     *
     * @param first whether the text starts here or a special token stands before it
     */
    void encode(byte[] text, int from, int to, boolean first, IntList out);
  }

  abstract Encoder encoder();

  /** Bytes of a token that is no control token and not {@code <0x0A>}. */
  abstract byte[] textBytes(int token);

  @Override
  public final int[] encode(String text) {
    return encodeTemplate(text, new int[] {0, text.length()});
  }

  @Override
  public final int[] encodeTemplate(String text, int[] userSpans) {
    Utf8Text utf8 = Utf8Text.of(text, userSpans.length == 0 ? NO_SPANS : userSpans);
    IntList out = new IntList();
    Encoder encoder = encoder();
    specials.split(
        utf8,
        new SpecialTokens.Parts() {
          private boolean first = true;

          @Override
          public void text(int from, int to) {
            encoder.encode(utf8.bytes(), from, to, first, out);
            first = false;
          }

          @Override
          public void token(int id) {
            out.add(id);
            first = true;
          }
        });
    return out.toArray();
  }

  @Override
  public final byte[] bytes(int token) {
    return switch (vocabulary.kind(token)) {
      case NORMAL -> textBytes(token);
      case USER_DEFINED -> vocabulary.table().bytes(token);
      case BYTE -> byteOf(piece(token));
      case CONTROL, UNKNOWN, UNUSED, UNDEFINED -> NO_BYTES;
    };
  }

  /** The byte a token like {@code <0x0A>} spells, or none for another spelling. */
  private static byte[] byteOf(String piece) {
    boolean spelled = piece.length() == 6 && piece.startsWith("<0x") && piece.endsWith(">");
    if (!spelled || !isHex(piece.charAt(3)) || !isHex(piece.charAt(4))) {
      return NO_BYTES;
    }
    return new byte[] {(byte) HexFormat.fromHexDigits(piece, 3, 5)};
  }

  private static boolean isHex(char digit) {
    return HexFormat.isHexDigit(digit);
  }

  /** For each byte the token {@code <0x..>}, else the one-byte token, else the unknown token. */
  final int[] byteTokens() {
    int[] tokens = new int[256];
    HexFormat hex = HexFormat.of().withUpperCase();
    for (int value = 0; value < 256; value++) {
      int spelled = vocabulary.find("<0x" + hex.toHexDigits((byte) value) + ">");
      int single = vocabulary.findSpelled(new byte[] {(byte) value}, 0, 1);
      boolean isByte = spelled != Vocabulary.NONE && vocabulary.kind(spelled) == TokenKind.BYTE;
      int id = isByte ? spelled : single;
      tokens[value] = id != Vocabulary.NONE ? id : vocabulary.unknownByte();
    }
    return tokens;
  }

  /** The token's bytes with U+2581 as the space it stands for. */
  final byte[] unescapedBytes(int token) {
    return piece(token).replace(SPELLED_SPACE, " ").getBytes(StandardCharsets.UTF_8);
  }

  /** A whole text without the space that was put before it. */
  final String withoutLeadingSpace(String text) {
    return text.startsWith(" ") ? text.substring(1) : text;
  }

  @Override
  public final int size() {
    return vocabulary.size();
  }

  @Override
  public final int tokenId(String token) {
    return vocabulary.find(token);
  }

  @Override
  public final String piece(int token) {
    return new String(vocabulary.table().bytes(token), StandardCharsets.UTF_8);
  }

  @Override
  public final boolean isControl(int token) {
    return vocabulary.kind(token) == TokenKind.CONTROL;
  }

  @Override
  public final int bos() {
    return vocabulary.bos();
  }

  @Override
  public final int eos() {
    return vocabulary.eos();
  }

  @Override
  public final boolean addBos() {
    return vocabulary.addBos();
  }

  @Override
  public final boolean addEos() {
    return vocabulary.addEos();
  }

  @Override
  public final Set<Integer> endOfGeneration() {
    return vocabulary.ends();
  }

  @Override
  public final @Nullable FillIn fillIn() {
    return vocabulary.fillIn();
  }

  @Override
  public final @Nullable String chatTemplate() {
    return vocabulary.chatTemplate();
  }

  @Override
  public final @Nullable String toolTemplate() {
    return vocabulary.toolTemplate();
  }

  @Override
  public final Detokenizer detokenizer() {
    return new Utf8Detokenizer(this);
  }
}
