extension String {
    /// The name of a field as readers in Go compare it: without regard to case, where the long s and the sign of the
    /// kelvin are letters too (`encoding/json`).
    package var fieldName: String {
        guard utf8.contains(where: { (0x41...0x5a).contains($0) || $0 >= 0x80 }) else { return self }
        var scalars = String.UnicodeScalarView()
        for scalar in unicodeScalars {
            switch scalar {
            case "A"..."Z": scalars.append(Unicode.Scalar(UInt8(scalar.value) | 0x20))
            case "\u{17f}": scalars.append("s")
            case "\u{212a}": scalars.append("k")
            default: scalars.append(scalar)
            }
        }
        return String(scalars)
    }
}
