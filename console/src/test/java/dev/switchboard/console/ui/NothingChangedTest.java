package dev.switchboard.console.ui;

import static org.junit.jupiter.api.Assertions.assertInstanceOf;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.vaadin.flow.component.Component;
import com.vaadin.flow.component.UI;
import com.vaadin.flow.component.internal.UIInternals;
import com.vaadin.flow.internal.ConstantPool;
import dev.switchboard.console.api.Role;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A view that is drawn again, though nothing is new, has nothing for the browser. */
class NothingChangedTest extends ConsoleViewTest {
  /** Something may become known meanwhile, and ages go on; but not each time. */
  private static final int TRIES = 5;

  @BeforeEach
  void signIn() {
    as(Role.ADMIN);
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "",
        "replicas/gw/w0",
        "requests",
        "requests?tail=1",
        "requests/gw/abc",
        "compare/gw/abc/def",
        "models",
        "slos",
        "playground",
        "drills",
        "tenants",
        "audit",
        "system",
        "people"
      })
  void nothingIsPushed(String path) {
    open(path);
    // What the view has asked for is there.
    open(path);
    List<String> pushed = new ArrayList<>();
    boolean quiet = false;
    for (int i = 0; i < TRIES && !quiet; i++) {
      draw();
      flush();
      draw();
      quiet = !internals().isDirty();
      pushed.add(flush());
    }

    assertTrue(quiet, path + " pushes each time: " + pushed.getLast());
  }

  private void open(String path) {
    String[] parts = path.split("\\?", 2);
    go(parts[0], parts.length > 1 ? parts[1] : "");
  }

  private void draw() {
    Component view = assertInstanceOf(Component.class, getCurrentView());
    if (view instanceof LiveView live) {
      live.refresh();
    }
    MainLayout.changed();
  }

  private static UIInternals internals() {
    return UI.getCurrent().getInternals();
  }

  /** What goes to the browser, which is told then. */
  private static String flush() {
    StringBuilder told = new StringBuilder();
    internals().getStateTree().runExecutionsBeforeClientResponse();
    internals()
        .getStateTree()
        .collectChanges(change -> told.append(change.toJson(new ConstantPool())).append('\n'));
    internals()
        .dumpPendingJavaScriptInvocations()
        .forEach(js -> told.append(js.getInvocation().getExpression()).append('\n'));
    return told.toString();
  }
}
