package dev.switchboard.bench;

import java.io.IOException;
import java.nio.file.Path;

/**
 * A model that computes a token in microseconds, for measurements of everything around the engine:
 * random weights, and bytes for its vocabulary, so that what it says is all but uniformly random.
 */
public final class SmallModel {
  private static final ModelShape SHAPE =
      new ModelShape("small", "llama", 2, 64, 128, 2, 1, 32, 300, 4096, true, 0);

  private SmallModel() {}

  /** Its GGUF file under a directory, written when it is not there yet. */
  public static Path at(Path directory) throws IOException {
    return SyntheticModel.at(directory, SHAPE, SyntheticModel.Format.F16);
  }
}
