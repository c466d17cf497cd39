package dev.switchboard.openai;

import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * What a server says of a path that it does not have: the one that was meant, where that can be
 * told. Clients most often forget {@code /v1} or have it twice, or misspell a word. Immutable.
 */
public final class NearPath {
  private static final String VERSION = "/v1";
  private static final int MOST_CHARS = 128;

  /** Of so many characters of a path one may be wrong. */
  private static final int CHARS_OF_A_TYPO = 6;

  private final List<String> paths;

  /**
   * @param paths that there are
   */
  public NearPath(List<String> paths) {
    this.paths = List.copyOf(paths);
  }

  /** 404, with the path that was meant. */
  public ApiError notFound(String path) {
    ApiError error = ApiError.pathNotFound(path);
    String near = near(path);
    return near == null
        ? error
        : new ApiError(
            error.status(),
            error.type(),
            error.code(),
            error.param(),
            error.message() + ". Did you mean " + near + "?");
  }

  /** Null where none is near. */
  @Nullable String near(String path) {
    if (path.length() > MOST_CHARS) {
      return null;
    }
    String asked = bare(path);
    String best = null;
    int least = Integer.MAX_VALUE;
    for (String known : paths) {
      String wanted = bare(known);
      int distance = distance(asked, wanted);
      boolean within = asked.endsWith("/" + wanted);
      if (within || distance <= 1 + wanted.length() / CHARS_OF_A_TYPO) {
        int rank = within ? 0 : distance;
        if (rank < least || (rank == least && best != null && known.length() > best.length())) {
          best = known;
          least = rank;
        }
      }
    }
    return best;
  }

  /** Without the version, in lower case, and without slashes that mean nothing. */
  private static String bare(String path) {
    String bare = path.toLowerCase(Locale.ROOT).replaceAll("/+", "/").replaceAll("/$", "");
    while (bare.startsWith(VERSION + "/")) {
      bare = bare.substring(VERSION.length());
    }
    return bare.startsWith("/") ? bare.substring(1) : bare;
  }

  /** Characters to add, leave out or change. */
  private static int distance(String a, String b) {
    int[] row = new int[b.length() + 1];
    for (int j = 0; j <= b.length(); j++) {
      row[j] = j;
    }
    for (int i = 1; i <= a.length(); i++) {
      int diagonal = row[0];
      row[0] = i;
      for (int j = 1; j <= b.length(); j++) {
        int changed = diagonal + (a.charAt(i - 1) == b.charAt(j - 1) ? 0 : 1);
        diagonal = row[j];
        row[j] = Math.min(changed, 1 + Math.min(row[j], row[j - 1]));
      }
    }
    return row[b.length()];
  }
}
