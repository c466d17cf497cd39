package dev.switchboard.worker;

import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A request to an encoder after parsing and tokenizing.
 *
 * @param field the request's field that holds the texts, for errors
 * @param texts their token ids, at least one of each
 * @param priority the higher the sooner
 * @param bytes of the heap that texts, vectors and answer take together, the last while it is
 *     written
 */
record PreparedVectors(String field, List<int[]> texts, int priority, long bytes, Answer answer) {
  PreparedVectors {
    texts = List.copyOf(texts);
  }

  /** Makes the body of what came out. */
  interface Answer {
    /**
     * @param vectors one per text, as the model gives them
     * @param switchboardJson the {@code switchboard} object, or null
     */
    String toJson(List<float[]> vectors, @Nullable String switchboardJson);
  }

  static int tokens(List<int[]> texts) {
    return texts.stream().mapToInt(text -> text.length).sum();
  }
}
