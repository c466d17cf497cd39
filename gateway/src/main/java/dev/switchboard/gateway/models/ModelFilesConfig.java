package dev.switchboard.gateway.models;

import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Where models lie that the admin API may load.
 *
 * @param folder null where it may load none
 */
public record ModelFilesConfig(@Nullable Path folder) {
  public static final ModelFilesConfig DEFAULTS = new ModelFilesConfig(null);

  public ModelFilesConfig {
    folder = folder == null ? null : folder.toAbsolutePath().normalize();
  }
}
