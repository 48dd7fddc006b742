// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// @title Certificates of verified energy, for households that want those instead of the currency.
interface ICertificates {
    /// @notice Who mints.
    function issuance() external view returns (address);

    /// @notice Mints `wh` of a kind of certificate. By the issuance alone. It never calls the receiver: a household
    /// that is a contract must not be able to stop the settlement of its neighbours.
    function mint(address to, uint256 id, uint256 wh) external;
}

/// @title What a certificate's id says: where, when and from what the energy came, and who signed for it.
library CertificateId {
    /// @param vintage Year and month of the register that was settled, as year * 100 + month (UTC).
    function idOf(uint32 site, uint24 vintage, uint8 source, uint8 assurance)
        internal
        pure
        returns (uint256)
    {
        return uint256(site) << 40 | uint256(vintage) << 16 | uint256(source) << 8 | assurance;
    }

    function read(uint256 id)
        internal
        pure
        returns (uint32 site, uint24 vintage, uint8 source, uint8 assurance)
    {
        // forge-lint: disable-next-line(unsafe-typecast)
        return (uint32(id >> 40), uint24(id >> 16), uint8(id >> 8), uint8(id));
    }

    /// @notice The vintage of a time in Unix seconds.
    /// @dev H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days: years from March on, so that the
    /// leap day is the last of its year; 719,468 days from 1 March of year 0 to 1 January 1970.
    function vintageOf(uint256 time) internal pure returns (uint24) {
        uint256 day = time / 1 days + 719_468;
        uint256 era = day / 146_097;
        uint256 dayOfEra = day % 146_097;
        uint256 yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365;
        uint256 dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100);
        uint256 monthFromMarch = (5 * dayOfYear + 2) / 153;
        uint256 month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9;
        uint256 year = era * 400 + yearOfEra + (month <= 2 ? 1 : 0);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint24(year * 100 + month);
    }
}
