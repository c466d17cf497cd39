package dev.switchboard.openai;

/** Frames of a stream. */
public final class ServerSentEvents {
  /** The end of a stream that ended well; a broken one never has it. */
  public static final String DONE = "data: [DONE]\n\n";

  private ServerSentEvents() {}

  /** One event; json must be on one line. */
  public static String data(String json) {
    return "data: " + json + "\n\n";
  }

  /** An error after the first byte. */
  public static String error(ApiError error) {
    return data(error.toJson());
  }
}
