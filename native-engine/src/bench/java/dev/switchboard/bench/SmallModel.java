package dev.switchboard.bench;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A model that computes a token in microseconds, for measurements of everything around the engine:
 * random weights, and bytes for its vocabulary, so that what it says is all but uniformly random.
 */
public final class SmallModel {
  private static final int VOCABULARY = 300;

  private SmallModel() {}

  /** Its GGUF file under a directory, written when it is not there yet. */
  public static Path at(Path directory) throws IOException {
    return SyntheticModel.at(directory, shape("small", VOCABULARY), SyntheticModel.Format.F16);
  }

  /** The same with more tokens, which no text has. */
  public static Path at(Path directory, int vocabulary) throws IOException {
    ModelShape shape = shape("small-" + vocabulary, vocabulary);
    return SyntheticModel.at(directory, shape, SyntheticModel.Format.F16);
  }

  private static ModelShape shape(String label, int vocabulary) {
    return new ModelShape(label, "llama", 2, 64, 128, 2, 1, 32, vocabulary, 4096, true, 0);
  }
}
