package dev.switchboard.chat;

/**
 * What rendering may cost at most. Templates come with model files, so neither they nor the values
 * they walk over are trusted to be small.
 *
 * @param sourceChars length of a template
 * @param steps work of one rendering: one for each node evaluated and each element visited, and one
 *     for each 16 characters copied
 * @param outputChars length of the result, and of every string on the way
 * @param depth nested blocks, expressions and calls, and nesting of values; bounds the stack
 * @param elements of one list or {@code range()}
 */
public record TemplateLimits(
    int sourceChars, long steps, int outputChars, int depth, int elements) {

  public static final TemplateLimits DEFAULT =
      new TemplateLimits(1 << 18, 5_000_000, 1 << 24, 300, 200_000);
}
