package dev.switchboard.gguf;

import static dev.switchboard.gguf.GgufException.quote;

import dev.switchboard.gguf.GgufException.Reason;

/** The keys of a model that begin with its architecture's name. */
record ModelKeys(GgufMetadata metadata, String prefix) {

  String key(String suffix) {
    return prefix + "." + suffix;
  }

  boolean has(String suffix) {
    return metadata.has(key(suffix));
  }

  int integer(String suffix, int min, int max) {
    return metadata.integer(key(suffix), min, max);
  }

  int integer(String suffix, int min, int max, int fallback) {
    return metadata.integer(key(suffix), min, max, fallback);
  }

  float real(String suffix, float min, float max, float fallback) {
    float value = metadata.real(key(suffix), fallback);
    if (value < min || value > max) {
      throw badValue(suffix, value + ", outside " + min + " to " + max);
    }
    return value;
  }

  GgufException badValue(String suffix, String value) {
    return new GgufException(Reason.BAD_VALUE, quote(key(suffix)) + " is " + value);
  }
}
