package dev.switchboard.openai;

/**
 * What every chunk of an answer repeats.
 *
 * @param id such as {@code chatcmpl-…} or {@code cmpl-…}
 * @param createdSeconds Unix time
 * @param systemFingerprint changes when model, engine or their settings change
 */
public record ResponseIdentity(
    String id, long createdSeconds, String model, String systemFingerprint) {

  /** Opens an object with these fields and leaves it open. */
  void write(JsonWriter json, String object) {
    json.raw("{\"id\":").string(id);
    json.raw(",\"object\":\"").raw(object);
    json.raw("\",\"created\":").number(createdSeconds);
    json.raw(",\"model\":").string(model);
    json.raw(",\"system_fingerprint\":").string(systemFingerprint);
  }
}
