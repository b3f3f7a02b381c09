import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/** As much of JSON as requests and answers have. */
final class Json {
    private final String text;
    private int at;

    private Json(String text) {
        this.text = text;
    }

    /** Gives a map, a list, a string, a double, a truth value or null. */
    static Object parse(String text) {
        Json reader = new Json(text);
        Object value = reader.value();
        if (reader.next() != 0) {
            throw new IllegalArgumentException("there is more behind it");
        }
        return value;
    }

    /** The next letter that is no blank; 0 at the end. */
    private char next() {
        while (at < text.length() && Character.isWhitespace(text.charAt(at))) {
            at++;
        }
        return at < text.length() ? text.charAt(at) : 0;
    }

    private boolean takes(String word) {
        next();
        boolean is = text.startsWith(word, at);
        at += is ? word.length() : 0;
        return is;
    }

    private void due(String word) {
        if (!takes(word)) {
            throw new IllegalArgumentException("due: " + word + ", at " + at);
        }
    }

    private Object value() {
        return switch (next()) {
            case '{' -> object();
            case '[' -> list();
            case '"' -> string();
            default -> takes("true") ? Boolean.TRUE : takes("false") ? Boolean.FALSE : takes("null") ? null : number();
        };
    }

    private Map<String, Object> object() {
        Map<String, Object> fields = new LinkedHashMap<>();
        due("{");
        while (!takes("}")) {
            if (!fields.isEmpty()) {
                due(",");
                next();
            }
            String name = string();
            due(":");
            fields.put(name, value());
        }
        return fields;
    }

    private List<Object> list() {
        List<Object> list = new ArrayList<>();
        due("[");
        while (!takes("]")) {
            if (!list.isEmpty()) {
                due(",");
            }
            list.add(value());
        }
        return list;
    }

    private String string() {
        StringBuilder said = new StringBuilder();
        due("\"");
        for (char letter; (letter = letter()) != '"'; ) {
            if (letter == '\\') {
                letter = letter();
                switch (letter) {
                    case 'n' -> letter = '\n';
                    case 't' -> letter = '\t';
                    case 'u' -> letter = (char) Integer.parseInt(text.substring(at, at += 4), 16);
                    default -> { }
                }
            }
            said.append(letter);
        }
        return said.toString();
    }

    private char letter() {
        if (at == text.length()) {
            throw new IllegalArgumentException("it ends in a string");
        }
        return text.charAt(at++);
    }

    private Double number() {
        int start = at;
        while (at < text.length() && "+-.eE0123456789".indexOf(text.charAt(at)) >= 0) {
            at++;
        }
        return Double.valueOf(text.substring(start, at));
    }

    static String of(Object value) {
        if (value instanceof Map<?, ?> fields) {
            return fields.entrySet().stream()
                    .map(one -> of(one.getKey()) + ": " + of(one.getValue()))
                    .collect(Collectors.joining(", ", "{", "}"));
        }
        if (value instanceof List<?> list) {
            return list.stream().map(Json::of).collect(Collectors.joining(", ", "[", "]"));
        }
        return value instanceof String text ? quoted(text) : String.valueOf(value);
    }

    private static String quoted(String text) {
        StringBuilder said = new StringBuilder("\"");
        for (char letter : text.toCharArray()) {
            if (letter == '"' || letter == '\\') {
                said.append('\\').append(letter);
            } else {
                said.append(letter < ' ' ? String.format("\\u%04x", (int) letter) : letter);
            }
        }
        return said.append('"').toString();
    }
}
