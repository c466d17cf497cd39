package dev.switchboard.executor;

import static org.junit.jupiter.api.Assertions.assertEquals;

import dev.switchboard.executor.binding.Cuda;
import dev.switchboard.executor.binding.Nvml;
import dev.switchboard.executor.binding.Switchboard;
import java.io.IOException;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;

/** The committed bindings have what their lists of names say, and nothing more. */
class BindingListTest {
  private static final Path LISTS =
      Path.of(System.getProperty("switchboard.home", ""), "native-engine/src/main/jextract");

  private static void assertAsListed(String list, Class<?> binding) throws IOException {
    Set<String> listed = listed(list);
    Set<String> bound = bound(binding);
    Set<String> unlisted = new TreeSet<>(bound);
    unlisted.removeAll(listed);
    listed.removeAll(bound);

    assertEquals(Set.of(), unlisted);
    assertEquals(Set.of(), listed);
  }

  private static Set<String> listed(String list) throws IOException {
    try (Stream<String> lines = Files.lines(LISTS.resolve(list))) {
      return lines
          .filter(line -> line.matches("--include-(function|constant) .*"))
          .map(line -> line.substring(line.indexOf(' ') + 1))
          .collect(Collectors.toCollection(TreeSet::new));
    }
  }

  private static Set<String> bound(Class<?> binding) {
    return Arrays.stream(binding.getDeclaredMethods())
        .filter(method -> Modifier.isPublic(method.getModifiers()))
        .map(Method::getName)
        .filter(name -> !name.contains("$"))
        .collect(Collectors.toCollection(TreeSet::new));
  }

  @Test
  void theDriversBindingIsAsListed() throws IOException {
    assertAsListed("cuda.args", Cuda.class);
  }

  @Test
  void theManagementLibrarysBindingIsAsListed() throws IOException {
    assertAsListed("nvml.args", Nvml.class);
  }

  @Test
  void theEnginesBindingIsAsListed() throws IOException {
    assertAsListed("switchboard.args", Switchboard.class);
  }
}
