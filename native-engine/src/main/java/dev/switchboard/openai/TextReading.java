package dev.switchboard.openai;

/**
 * How a raw text becomes tokens.
 *
 * @param parseSpecial whether a control token that is spelled out in it is that token, as in a
 *     prompt that a template rendered elsewhere; else it is text
 * @param addSpecial whether a token that begins every text of the model is put in front where it is
 *     missing
 */
public record TextReading(boolean parseSpecial, boolean addSpecial) {
  static TextReading read(JsonFields fields) {
    return new TextReading(
        fields.bool("parse_special", true), fields.bool("add_special_tokens", true));
  }
}
