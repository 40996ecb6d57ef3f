import Crypto
import GatewayCore

/// The answer to AuthenticationMD5Password: `md5` + md5(md5(password + user) + salt), in hexadecimal.
package enum MD5Password {
    package static func answer(user: String, password: [UInt8], salt: [UInt8]) -> [UInt8] {
        let inner = hexadecimal(Insecure.MD5.hash(data: password + Array(user.utf8)))
        return Array("md5".utf8) + hexadecimal(Insecure.MD5.hash(data: inner + salt))
    }

    private static func hexadecimal(_ digest: some Sequence<UInt8>) -> [UInt8] {
        digest.flatMap { [UInt8.hexDigit($0 >> 4), UInt8.hexDigit($0 & 0xF)] }
    }
}
